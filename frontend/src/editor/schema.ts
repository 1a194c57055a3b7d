/** What a document may contain, from the one statement of it that the server reads too. */

import statement from "../../../workspaces/documents/schema.json";

export interface Spec {
  type: string;
  min?: number;
  max?: number;
  enum?: string[];
  required?: boolean;
  default?: unknown;
}

export interface NodeSpec {
  kind: string;
  content: string | string[];
  first?: string[];
  attrs: Record<string, Spec>;
}

export const VERSION: number = statement.version;
export const ROOT: string = statement.root;
export const NODES = statement.nodes as unknown as Record<string, NodeSpec>;
export const MARKS = statement.marks as unknown as Record<string, { attrs: Record<string, Spec> }>;
const GLOBAL = statement.global_attrs as unknown as Record<string, Spec>;

/** Blocks and items of lists: what carries an `id` and an `origin`. */
export const IDENTIFIED: string[] = Object.entries(NODES)
  .filter(([, node]) => node.kind === "block" || node.kind === "item")
  .map(([name]) => name);

export const ORIGINS: string[] = GLOBAL["origin"]?.enum ?? [];

/** Return the attributes that a node may have. */
export function attributesOf(name: string): Record<string, Spec> {
  const own = NODES[name]?.attrs ?? {};
  return IDENTIFIED.includes(name) ? { ...GLOBAL, ...own } : own;
}

/** Return whether an attribute's value is one that the server accepts; nothing (null) always is. */
export function fits(spec: Spec, value: unknown): boolean {
  if (value === null || value === undefined) return true;
  if (spec.type === "string") {
    return typeof value === "string" && (spec.enum ? spec.enum.includes(value) : value.length <= (spec.max ?? Infinity));
  }
  if (spec.type === "boolean") return typeof value === "boolean";
  if (spec.type === "integers") return Array.isArray(value) && value.every((one) => isWhole(spec, one));
  return isWhole(spec, value);
}

function isWhole(spec: Spec, value: unknown): boolean {
  return Number.isInteger(value) && (value as number) >= (spec.min ?? -Infinity) && (value as number) <= (spec.max ?? Infinity);
}

const ID_LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789";

/** Return an id for a new block: 12 letters, as the server makes them. */
export function newId(): string {
  const random = crypto.getRandomValues(new Uint8Array(12));
  return Array.from(random, (byte) => ID_LETTERS[byte % ID_LETTERS.length]).join("");
}
