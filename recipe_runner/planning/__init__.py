"""Recipe -> Plan: every default resolved, checked across fields, hashed. Pure data, nothing heavy.

May import catalog, language and schemas. The modules are imported by their own names, so that
`validate` loads `checks` alone.
"""
