/** A document on a phone shows one thing at a time: a[data-view] with #document or #swarm in the address. */

export function startViews(): void {
  const links = document.querySelectorAll<HTMLAnchorElement>(".tabbar a[data-view]");
  if (links.length === 0) return;
  const show = (): void => {
    const view = location.hash === "#swarm" ? "swarm" : "doc";
    document.body.dataset.view = view;
    links.forEach((link) => {
      if (link.dataset.view === view) link.setAttribute("aria-current", "page");
      else link.removeAttribute("aria-current");
    });
  };
  addEventListener("hashchange", show);
  show();
}
