"""The processes that outlive a kernel: how they run inside, and how they are started, found and stopped."""
