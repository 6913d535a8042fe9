"""The face: detection, landmarks and embedding, decoded straight from the models' outputs."""
