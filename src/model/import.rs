//! Importing foreign models.
