/** What tests need of Node.js; the page's own code has none of it. */
declare module "node:fs" {
  export function appendFileSync(path: string, text: string): void;
  export function readFileSync(path: string, encoding: "utf8"): string;
  export function writeFileSync(path: string, text: string): void;
}

declare const process: { env: Record<string, string | undefined> };

declare const Buffer: {
  from(text: string, encoding: "base64"): Uint8Array;
  from(data: Uint8Array): { toString(encoding: "base64"): string };
};
