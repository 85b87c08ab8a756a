"""Acts: what a person does to memories, each one transaction whose entries keep every state before and after."""
