"""The documented paths of the service: messages, applications, account settings and External Accounts."""
