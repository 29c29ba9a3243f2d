//! Attaches to the daemon of this user and predicts one row.

use factord::client::{AttachOptions, Client};
use std::time::Duration;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut client = Client::attach(&AttachOptions::default())?;
    let model = client.model("regression").ok_or("no model `regression` is served")?;
    let answer = client.predict(model.id, &[0.5, 0.2, 0.3], Duration::from_millis(10))?;
    println!("{} (generation {}, epoch {})", answer.y, answer.generation, answer.epoch);
    Ok(())
}
