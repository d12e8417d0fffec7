/** What a server, or the service worker beside this folder, is told by who wants a file itself. */
export const MEDIA_TYPE = "image/x-lmc";
