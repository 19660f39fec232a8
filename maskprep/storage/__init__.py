"""Files and streams: raw corpora in, shards in and out, manifests."""
