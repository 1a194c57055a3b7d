/** [popover].menu hangs below the button that opened it; arrows walk through it, Escape and a choice close it. */

import { closest } from "./dom";

const GAP = 6;
let opener: HTMLElement | null = null;

function place(menu: HTMLElement): void {
  const button = opener?.getAttribute("popovertarget") === menu.id ? opener : null;
  const box = (button ?? document.querySelector(`[popovertarget="${menu.id}"]`))?.getBoundingClientRect();
  if (!box) return;
  const { offsetWidth: width, offsetHeight: height } = menu;
  const isRight = box.left + box.width / 2 > innerWidth / 2;
  const left = isRight ? box.right - width : box.left;
  const below = box.bottom + GAP;
  const top = below + height > innerHeight - GAP ? Math.max(GAP, box.top - GAP - height) : below;
  menu.style.left = `${Math.min(Math.max(GAP, left), innerWidth - width - GAP)}px`;
  menu.style.top = `${top}px`;
}

export function startMenus(): void {
  document.addEventListener("click", (event) => {
    opener = closest(event, "[popovertarget]") ?? opener;
  }, true);
  document.addEventListener(
    "toggle",
    (event) => {
      const menu = event.target;
      if (!(menu instanceof HTMLElement) || !menu.matches(".menu")) return;
      const isOpen = (event as ToggleEvent).newState === "open";
      document.querySelectorAll(`[popovertarget="${menu.id}"]`).forEach((button) => button.setAttribute("aria-expanded", String(isOpen)));
      if (!isOpen) return;
      place(menu);
      menu.querySelector<HTMLElement>(".menu-item")?.focus({ preventScroll: true });
    },
    true,
  );
  document.addEventListener("click", (event) => {
    // The other choices lead to another page or a dialog, which closes it by itself.
    closest(event, ".menu-item[download]")?.closest<HTMLElement>(".menu")?.hidePopover();
  });
  document.addEventListener("keydown", (event) => {
    const menu = closest(event, ".menu");
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!menu || !step) return;
    const items = [...menu.querySelectorAll<HTMLElement>(".menu-item")];
    const at = items.indexOf(document.activeElement as HTMLElement);
    items[(at + step + items.length) % items.length]?.focus();
    event.preventDefault();
  });
  addEventListener("resize", () => document.querySelectorAll<HTMLElement>(".menu:popover-open").forEach(place));
}
