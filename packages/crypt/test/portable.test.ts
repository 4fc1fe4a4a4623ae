import { createPacketCrypt } from '../src/index.ts';
import { describeBackend, WITH_WASM, WITHOUT_MEMORY, WITHOUT_WASM } from './compliance.ts';

describeBackend({ name: 'portable', create: createPacketCrypt, memory: WITHOUT_MEMORY });
describeBackend({ name: 'portable with kernels', create: createPacketCrypt, memory: WITH_WASM });
describeBackend({ name: 'portable without WebAssembly', create: createPacketCrypt, memory: WITHOUT_WASM });
