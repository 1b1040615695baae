//! Books over real cells of every kind, through the contract and over HTTP.
