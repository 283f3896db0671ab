BEGIN
{upgrade}END
