/**
 * The worker in which Python runs, with all that it imports: a worker has no import map, and so can't know the names that
 * hold digests. esbuild makes `_static/live/python.js` of it when the site is built (see `live/interactive.py`).
 */

import "../../../_static/live/worker.js";
