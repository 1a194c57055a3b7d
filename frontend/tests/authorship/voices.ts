/**
 * Words in alphabets of their own: each author writes the same letters, blanks, Chinese characters and emoji with code
 * points of theirs, so that every character says who has written it. Whoever reads the log folds them into one alphabet.
 */

const LETTERS = [0x61, 0x430, 0x10d0, 0xff41, 0x24d0];
const BLANKS = [0x20, 0x2002, 0x2003, 0x2004, 0x2005];
const [HAN, HAN_SIZE] = [0x4e00, 0x400];
const [EMOJI, EMOJI_SIZE] = [0x1f400, 0x40];
export const VOICES = LETTERS.length;

/** Numbers that look random and are the same for the same seed. */
export class Dice {
  constructor(private state: number) {}

  next(): number {
    this.state = (this.state + 0x6d2b79f5) >>> 0;
    let x = this.state;
    x = Math.imul(x ^ (x >>> 15), x | 1);
    x ^= x + Math.imul(x ^ (x >>> 7), x | 61);
    return ((x ^ (x >>> 14)) >>> 0) / 4294967296;
  }

  below(count: number): number {
    return Math.floor(this.next() * count);
  }

  of<T>(list: readonly T[]): T {
    return list[this.below(list.length)] as T;
  }

  /** A number below `count`, small ones more often: as words are in a language. */
  early(count: number): number {
    return Math.floor(count * this.next() * this.next() * 0.999);
  }
}

function map(text: string, change: (code: number) => number): string {
  return Array.from(text, (letter) => String.fromCodePoint(change(letter.codePointAt(0) ?? 0))).join("");
}

/** Return a text in the first author's letters. */
export function fold(text: string): string {
  return map(text, (code) => {
    if (code >= HAN && code < HAN + VOICES * HAN_SIZE) return HAN + ((code - HAN) % HAN_SIZE);
    if (code >= EMOJI && code < EMOJI + VOICES * EMOJI_SIZE) return EMOJI + ((code - EMOJI) % EMOJI_SIZE);
    if (BLANKS.includes(code)) return 0x20;
    const base = LETTERS.find((first) => code >= first && code < first + 26);
    return base === undefined ? code : 0x61 + code - base;
  });
}

/** Return a folded text in an author's letters. */
export function speak(text: string, voice: number): string {
  return map(text, (code) => {
    if (code >= HAN && code < HAN + HAN_SIZE) return code + voice * HAN_SIZE;
    if (code >= EMOJI && code < EMOJI + EMOJI_SIZE) return code + voice * EMOJI_SIZE;
    if (code === 0x20) return BLANKS[voice] ?? code;
    return code >= 0x61 && code < 0x7b ? (LETTERS[voice] ?? 0x61) + code - 0x61 : code;
  });
}

/** A vocabulary small enough that authors often write the same words: 150 of letters, 100 Chinese, 20 emoji. */
export class Vocabulary {
  private readonly latin: string[] = [];
  private readonly chinese: string[] = [];

  constructor(private readonly dice: Dice) {
    for (let n = 0; n < 150; n += 1) {
      const length = n < 20 ? 2 + dice.below(2) : 3 + dice.below(7);
      this.latin.push(Array.from({ length }, () => "etaoinshrdlucmfwyp"[dice.below(18)]).join(""));
    }
    const han = (): string => String.fromCodePoint(HAN + dice.below(200));
    for (let n = 0; n < 100; n += 1) this.chinese.push(han() + (dice.next() < 0.8 ? han() : ""));
  }

  word(): string {
    return this.latin[this.dice.early(this.latin.length)] ?? "";
  }

  words(count: number, isChinese = this.dice.next() < 0.4): string {
    let text = "";
    for (let n = 0; n < count; n += 1) {
      const isEmoji = this.dice.next() < 0.06;
      const word = isChinese ? (this.chinese[this.dice.early(this.chinese.length)] ?? "") : this.word();
      text += (n && !isChinese ? " " : "") + (isEmoji ? String.fromCodePoint(EMOJI + this.dice.below(20)) : word);
    }
    return text;
  }
}
