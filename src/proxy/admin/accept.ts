// Which of the two text formats of metrics a scraper wants (RFC 9110 section 12.5.1): OpenMetrics where it is named, and not less liked than text.
const OPEN_METRICS = 'application/openmetrics-text';
const TEXT = 'text/plain';

export function wantsOpenMetrics(accept: string): boolean {
  const weights = new Map<string, number>();
  for (const range of accept.split(',')) {
    const [type = '', ...parameters] = range.split(';').map((part) => part.trim().toLowerCase());
    const weight = parameters.find((parameter) => parameter.startsWith('q='));
    const value = weight === undefined ? 1 : Number(weight.slice(2));
    weights.set(type, Math.max(weights.get(type) ?? 0, Number.isNaN(value) ? 0 : value));
  }
  const wanted = weights.get(OPEN_METRICS) ?? 0;
  return wanted > 0 && wanted >= (weights.get(TEXT) ?? 0);
}
