"""When attention circuits form: heads of language models over their checkpoints.

After arXiv 2606.02378. `names` reads what the names of checkpoints say, `sources` finds checkpoints in
folders, on the Hub and in GGUF files, and `audit` looks for faults before anything is measured. `probes` are
sequences with known targets, `families` loads models, `rows` runs them, and `measures` and `scores` make
numbers of what attention does. `tracking` puts them into one table over all checkpoints; `findings` and
`reports` are functions of that table. `ablation` takes heads out, `tiny` trains small models, and `published`
holds the numbers of the paper against its own data.
"""
