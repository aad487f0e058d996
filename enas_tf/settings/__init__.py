"""What a user can set: each setting declared once. No TensorFlow."""
