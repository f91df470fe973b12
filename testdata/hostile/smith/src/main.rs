//! smith KIND SEED [EXPORTS.wasm IMPORTS.wasm]: writes modules made of random bytes to standard
//! output without end, each after its length (u32, little-endian). The same seed gives the same
//! modules. KIND is
//!
//! core   valid modules of core specification 2.0 that export all they have
//! wild   modules of every proposal, with bodies that need not be valid
//! actor  modules of core 2.0 with the exports of one module and imports out of those of another

use arbitrary::Unstructured;
use rand_chacha::rand_core::{RngCore, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::io::Write;
use wasm_smith::{Config, Module};

/// Random bytes that a module is made of: most are small, some are not.
const BYTES: [usize; 8] = [200, 500, 1000, 2000, 2000, 4000, 8000, 30000];

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    if let Err(text) = run(&args) {
        eprintln!("smith: {text}");
        std::process::exit(1);
    }
}

fn run(args: &[String]) -> Result<(), String> {
    let (kind, seed) = match args {
        [kind, seed, ..] => (
            kind.as_str(),
            seed.parse().map_err(|e| format!("seed {seed}: {e}"))?,
        ),
        _ => return Err("wants KIND SEED".into()),
    };
    let config = match (kind, &args[2..]) {
        ("core", []) => core(),
        ("wild", []) => wild(),
        ("actor", [exports, imports]) => Config {
            exports: Some(read(exports)?),
            available_imports: Some(read(imports)?),
            export_everything: false,
            ..core()
        },
        _ => {
            return Err(format!(
                "no such kind with {} files: {kind}",
                args.len() - 2
            ))
        }
    };
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut out = std::io::stdout().lock();
    loop {
        let mut bytes = vec![0; BYTES[random.next_u32() as usize % BYTES.len()]];
        random.fill_bytes(&mut bytes);
        let Ok(module) = Module::new(config.clone(), &mut Unstructured::new(&bytes)) else {
            continue;
        };
        let wasm = module.to_bytes();
        let length = (wasm.len() as u32).to_le_bytes();
        if out
            .write_all(&length)
            .and_then(|()| out.write_all(&wasm))
            .is_err()
        {
            return Ok(()); // whoever reads has enough
        }
    }
}

fn read(path: &str) -> Result<Vec<u8>, String> {
    std::fs::read(path).map_err(|e| format!("read {path}: {e}"))
}

/// What core specification 2.0 has.
fn core() -> Config {
    Config {
        compact_imports_enabled: false,
        exceptions_enabled: false,
        extended_const_enabled: false,
        gc_enabled: false,
        memory64_enabled: false,
        relaxed_simd_enabled: false,
        tail_call_enabled: false,
        threads_enabled: false,
        wide_arithmetic_enabled: false,
        export_everything: true,
        max_imports: 0,
        max_memories: 1,
        min_memories: 1,
        max_memory32_bytes: 1 << 20,
        max_tables: 4,
        min_funcs: 1,
        ..Config::default()
    }
}

/// More than anybody accepts.
fn wild() -> Config {
    Config {
        allow_invalid_funcs: true,
        custom_page_sizes_enabled: true,
        shared_everything_threads_enabled: false,
        generate_custom_sections: true,
        max_memories: 3,
        max_tables: 10,
        max_nesting_depth: 1000,
        max_instructions: 1000,
        min_uleb_size: 3,
        ..Config::default()
    }
}
