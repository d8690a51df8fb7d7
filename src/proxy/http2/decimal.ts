// Digits of a header value → a number, without a regular expression: statuses and lengths come with every message.

const MOST_DIGITS = 15;

/** -1 for anything but 1 to 15 digits. */
export function decimal(text: string): number {
  if (text.length === 0 || text.length > MOST_DIGITS) return -1;
  let value = 0;
  for (let i = 0; i < text.length; i++) {
    const digit = text.charCodeAt(i) - 0x30;
    if (digit < 0 || digit > 9) return -1;
    value = value * 10 + digit;
  }
  return value;
}
