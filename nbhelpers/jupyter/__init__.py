"""The Jupyter server's side of the kit: how JupyterLab is started on the notebooks, and with which settings."""
