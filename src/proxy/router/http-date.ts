// The value of the Date header, formatted once per second (RFC 9110 section 5.6.7).

let second = Number.NaN;
let text = '';

export function httpDate(epoch: number): string {
  const now = Math.floor(epoch / 1_000);
  if (now !== second) {
    second = now;
    text = new Date(now * 1_000).toUTCString();
  }
  return text;
}
