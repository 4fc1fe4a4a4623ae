// The portable backend, in the memory that batches live in, without one, and without WebAssembly.

import { createPacketCrypt } from '../src/index.ts';
import { describeBackend, ONE_OF_A_KIND, WITH_WASM, WITHOUT_MEMORY, WITHOUT_WASM } from './compliance.ts';

describeBackend({ name: 'portable', create: createPacketCrypt, memory: WITH_WASM });
describeBackend({ name: 'portable without shared memory', create: createPacketCrypt, memory: WITHOUT_MEMORY, methods: ONE_OF_A_KIND });
describeBackend({ name: 'portable without WebAssembly', create: createPacketCrypt, memory: WITHOUT_WASM, methods: ONE_OF_A_KIND });
