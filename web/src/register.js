/** Register the service worker with which plain `<img src="photo.lmc">` works. */

/** Milliseconds that it may take to take over the page. */
const PATIENCE = 30_000;

/**
 * Register it, and wait until it answers the requests of this page.
 *
 * @param {string | URL} [url] of `service-worker.js`
 * @param {object} [options]
 * @param {string} [options.scope] pages that it answers for: without, those in its own folder and below. A wider one
 *   takes the header `Service-Worker-Allowed` with the file.
 * @returns {Promise<ServiceWorkerRegistration>}
 * @throws {Error} this page is not among those, or there are no service workers here
 */
export async function register(url = new URL("../service-worker.js", import.meta.url), { scope } = {}) {
  const { serviceWorker } = navigator;
  if (!serviceWorker) throw new Error("service workers need HTTPS, or a page from this machine");
  const options = scope === undefined ? {} : { scope };
  // `codec export --web` makes a plain script of it, which all browsers run; here it is a module.
  const registration = await serviceWorker
    .register(url, options)
    .catch(() => serviceWorker.register(url, { ...options, type: "module" }));
  if (!location.href.startsWith(registration.scope)) {
    throw new Error(`this page is outside of ${registration.scope}, for which the service worker answers`);
  }
  const isMine = () => serviceWorker.controller?.scriptURL === new URL(url, location.href).href;
  const ends = performance.now() + PATIENCE;
  while (!isMine()) {
    if (performance.now() > ends) throw new Error("the service worker did not take over this page");
    registration.active?.postMessage("claim");
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return registration;
}
