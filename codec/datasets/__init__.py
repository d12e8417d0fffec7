"""Images in shards, as machine learning keeps them: WebDataset's tar files and Parquet; and what training reads."""
