//! Both stores keep the same promises; each test runs over a folder and, where there is a server,
//! over S3.

mod faults;
mod promises;
mod support;
