/** How much longer than `server.drain_timeout` a drain may take, for farewells and sockets to close. */
export const overdueMs = 5_000;

/** Grace for what should have ended with the drain before the process ends regardless. */
export const lingerMs = 1_000;
