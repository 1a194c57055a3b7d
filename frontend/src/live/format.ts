/** Numbers as the server writes them (templatetags/ui.py): money, tokens. */

const SYMBOLS: Record<string, string> = { USD: "$", EUR: "€", GBP: "£", CNY: "¥", JPY: "¥", CHF: "CHF" };
const NANO = 1_000_000_000n;

export interface Money {
  amount: string;
  currency: string;
}

/** Return nano-units of a decimal string. */
export function nano(amount: string): bigint {
  const isNegative = amount.startsWith("-");
  const [whole = "0", rest = ""] = amount.replace(/^-/, "").split(".");
  const value = BigInt(whole) * NANO + BigInt(rest.slice(0, 9).padEnd(9, "0"));
  return isNegative ? -value : value;
}

/** Return money with two places, and as many as needed below a cent: "$ 0.0042". */
export function money({ amount, currency }: Money): string {
  const signed = nano(amount);
  const value = signed < 0n ? -signed : signed;
  let places = 2;
  while (places < 6 && value > 0n && value < 10n ** BigInt(10 - places)) places += 1;
  const unit = 10n ** BigInt(9 - places);
  const digits = ((value + unit / 2n) / unit).toString().padStart(places + 1, "0");
  const whole = grouped(digits.slice(0, -places));
  return `${SYMBOLS[currency] ?? currency} ${signed < 0n ? "−" : ""}${whole}.${digits.slice(-places)}`;
}

/** Return a number of tokens: 812, 34.1 k, 5.2 M. */
export function tokens(count: number): string {
  if (count >= 1_000_000) return `${fixed(count / 1_000_000)} M`;
  if (count >= 10_000) return `${fixed(count / 1000)} k`;
  return grouped(String(Math.round(count)));
}

function fixed(value: number): string {
  const [whole = "0", rest = "0"] = value.toFixed(1).split(".");
  return `${grouped(whole)}.${rest}`;
}

function grouped(digits: string): string {
  return digits.replace(/\B(?=(\d{3})+$)/g, ",");
}
