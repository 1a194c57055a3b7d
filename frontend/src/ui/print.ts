/** [data-action=print] prints the page. It is hidden where there are no scripts: there it would do nothing. */

import { closest } from "./dom";

export function startPrint(): void {
  document.querySelectorAll<HTMLElement>("[data-action=print]").forEach((button) => {
    button.hidden = false;
  });
  document.addEventListener("click", (event) => {
    if (closest(event, "[data-action=print]")) print();
  });
}
