"""guided-rl: does expert guidance make this agent learn faster, by how much, and am I sure?"""
