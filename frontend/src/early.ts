/** Sets the theme before the first paint: what was chosen on this device, else what the system prefers. */

const root = document.documentElement;
const system = matchMedia("(prefers-color-scheme: dark)");

function apply(): void {
  let chosen: string | null = null;
  try {
    chosen = localStorage.getItem("theme");
  } catch {
    // Storage may be forbidden; the system decides then.
  }
  root.dataset.theme = chosen === "light" || chosen === "dark" ? chosen : system.matches ? "dark" : "light";
}

apply();
system.addEventListener("change", apply);
addEventListener("storage", apply);
addEventListener("theme", apply);
