/** The command lines of kcptun-client and kcptun-server: flags, config file, log, signals. */
export {};
