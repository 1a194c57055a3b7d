/** Timers with names: starting one again replaces it. */

export class Timers<Name extends string> {
  private readonly running = new Map<Name, ReturnType<typeof setTimeout>>();

  has(name: Name): boolean {
    return this.running.has(name);
  }

  start(name: Name, after: number, run: () => void): void {
    this.stop(name);
    const timer = setTimeout(() => {
      this.running.delete(name);
      run();
    }, after);
    this.running.set(name, timer);
  }

  stop(name: Name): void {
    clearTimeout(this.running.get(name));
    this.running.delete(name);
  }

  stopAll(): void {
    for (const name of [...this.running.keys()]) this.stop(name);
  }
}
