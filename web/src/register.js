/** Register the service worker with which plain `<img src="photo.lmc">` works. */

/**
 * Register it, and wait until it answers requests.
 *
 * @param {string | URL} [url] of `service-worker.js`; it answers for the folder that it is in, and those below
 * @returns {Promise<ServiceWorkerRegistration>}
 */
export async function register(url = new URL("../service-worker.js", import.meta.url)) {
  const registration = await navigator.serviceWorker.register(url, { type: "module" });
  if (!navigator.serviceWorker.controller) {
    await new Promise((resolve) => {
      navigator.serviceWorker.addEventListener("controllerchange", resolve, { once: true });
    });
  }
  return registration;
}
