/** Register the service worker with which plain `<img src="photo.lmc">` works. */

/**
 * Register it, and wait until it answers requests.
 *
 * @param {string | URL} [url] of `service-worker.js`; it answers for the folder that it is in, and those below
 * @returns {Promise<ServiceWorkerRegistration>}
 */
export async function register(url = new URL("../service-worker.js", import.meta.url)) {
  const { serviceWorker } = navigator;
  // `codec export --web` makes a plain script of it, which all browsers run; here it is a module.
  const registration = await serviceWorker.register(url).catch(() => serviceWorker.register(url, { type: "module" }));
  if (!navigator.serviceWorker.controller) {
    await new Promise((resolve) => {
      navigator.serviceWorker.addEventListener("controllerchange", resolve, { once: true });
    });
  }
  return registration;
}
