/** The snappy framing format and block codec as kcptun uses them; sans I/O, with a Node backend. */
export {};
