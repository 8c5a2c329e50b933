// Placeholder of the skeleton; the first real file of the target replaces it.
