//! Ten lines from nothing to a prediction. Start a daemon first: `factord serve`.

use factord_client::{AttachOptions, Client};
use std::time::Duration;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut client = Client::attach(&AttachOptions::default())?;
    let model = client.model("regression").ok_or("no model `regression` is served")?.id;
    let answer = client.predict(model, &[0.5, 0.2, 0.3], Duration::from_millis(100))?;
    println!("{} by generation {}", answer.y, answer.generation);
    Ok(())
}
