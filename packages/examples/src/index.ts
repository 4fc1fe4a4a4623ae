/** Runnable examples and the demo. */
export {};
