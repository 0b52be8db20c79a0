"""Who advises: recipes that train, band by quality, clone and register experts."""
