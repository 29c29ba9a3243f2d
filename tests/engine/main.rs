//! The engine, proved on the real binary: answers, crashes, reloads, hostile and half-dead
//! clients, limits of the system.

mod actor;
mod admission;
mod answers;
mod attach;
mod classes;
mod crashes;
mod data;
mod deadlines;
mod figures;
mod forests;
mod forks;
mod harness;
mod heavy;
mod identity;
mod impostor;
mod listen;
mod memory;
mod neighbours;
mod places;
mod plane;
mod ports;
mod published;
mod quota;
mod reloads;
mod rights;
mod roles;
mod shelves;
mod stored;
mod system;
mod trace;
mod tracee;
mod users;
mod versions;
mod wire;
mod workers;
