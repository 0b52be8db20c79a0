"""guided-rl: does expert guidance make this agent learn faster, by how much, and am I sure?"""

from guided_rl.devices import one_device_per_core

one_device_per_core()
