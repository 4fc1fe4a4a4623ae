/** A KCP session without a socket, and the endpoint that maps datagrams to sessions. */
export {};
