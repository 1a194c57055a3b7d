/** The row of sections scrolls where it is too narrow: the section that is open is in view from the start. */

export function startTabs(): void {
  document.querySelectorAll(".tabs [aria-current]").forEach((tab) => {
    tab.scrollIntoView({ block: "nearest", inline: "center", behavior: "instant" });
  });
}
