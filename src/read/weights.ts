// Weights that may be fractions (`500m`) → whole numbers of the same proportions, which is what data planes take.

const FRACTION = 1000;

export function wholeWeights(weights: readonly number[]): number[] {
  return weights.every(Number.isInteger) ? [...weights] : weights.map((weight) => Math.round(weight * FRACTION));
}
