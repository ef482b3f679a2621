"""Historical runs and sweeps over the same domain rules as the live desk."""
