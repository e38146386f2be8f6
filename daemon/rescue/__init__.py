"""Cancel-all and the watcher: keys and REST alone. Nothing here reaches the engine or the runtime by any path."""
