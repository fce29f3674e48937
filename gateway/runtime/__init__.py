"""Clock, worker threads and backoff: the only place that starts threads."""
