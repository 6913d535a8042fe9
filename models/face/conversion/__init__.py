"""How the model files were made from the packages that publish them; never in the image."""
