/** Virtual clock, seeded network, helpers and vectors for the tests of all packages. */
export {};
