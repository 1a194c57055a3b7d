/** [data-action=theme] goes round light, dark and the system's choice; the device remembers (early.ts applies it). */

import { t } from "../strings";
import { closest } from "./dom";

type Theme = "light" | "dark" | "system";
const NEXT: Record<Theme, Theme> = { light: "dark", dark: "system", system: "light" };
const ICONS: Record<Theme, string> = { light: "sun", dark: "moon", system: "monitor" };

function chosen(): Theme {
  try {
    const theme = localStorage.getItem("theme");
    return theme === "light" || theme === "dark" ? theme : "system";
  } catch {
    return "system";
  }
}

function show(): void {
  const theme = chosen();
  const name = t(`theme.${theme}`);
  document.querySelectorAll<HTMLElement>("[data-action=theme]").forEach((button) => {
    const use = button.querySelector("use");
    use?.setAttribute("href", use.getAttribute("href")?.replace(/#.*/, `#${ICONS[theme]}`) ?? "");
    const label = button.querySelector("[data-theme-name]");
    if (label) label.textContent = name;
    else {
      button.title = name;
      button.setAttribute("aria-label", name);
    }
  });
}

export function startTheme(): void {
  show();
  document.addEventListener("click", (event) => {
    if (!closest(event, "[data-action=theme]")) return;
    try {
      localStorage.setItem("theme", NEXT[chosen()]);
    } catch {
      // Without storage the theme stays the system's.
    }
    dispatchEvent(new Event("theme"));
    show();
  });
}
