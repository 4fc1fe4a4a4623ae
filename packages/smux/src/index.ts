/** Stream multiplexing over one reliable byte stream: smux v1 and v2, sans I/O, with Duplex streams for Node. */
export {};
