"""The model shipped as `recipe-run/tiny`: its files, its card and the script that makes them."""
