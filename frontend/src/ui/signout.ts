/** form[data-sign-out]: what this device keeps of documents goes with the session. */

type Outbox = { forgetEverything?: () => Promise<void> };

// The editor's island owns what is kept; it is loaded only now, and signing out works without it.
const outbox = import.meta.glob<Outbox>("../editor/outbox.ts");

async function forget(): Promise<void> {
  try {
    for (const load of Object.values(outbox)) await (await load()).forgetEverything?.();
  } catch {
    // Signing out matters more than a store that cannot be opened.
  }
}

export function startSignOut(): void {
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (!(form instanceof HTMLFormElement) || !form.matches("[data-sign-out]") || event.defaultPrevented) return;
    event.preventDefault();
    const late = new Promise((resolve) => setTimeout(resolve, 2000));
    void Promise.race([forget(), late]).then(() => form.submit());
  });
}
